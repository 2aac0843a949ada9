// Event Grid tells of every upload that sets off a run: a system topic on the data account, and a subscription that puts
// BlobCreated events into the queue `uploads` of the control account, by its own identity and without a webhook.
//
//   az deployment group create --resource-group GROUP --template-file infra/uploads.bicep \
//     --parameters dataAccount=NAME controlAccount=NAME

@description('Storage account of uploads (setting DataStorage).')
param dataAccount string

@description('Storage account of runs and queues (setting ControlStorage).')
param controlAccount string

param location string = resourceGroup().location

@description('Containers whose new blobs start runs: those that the workloads of shared/workloads.py name.')
param containers array = ['videos']

var queueName = 'uploads'
var prefixes = [for container in containers: '/blobServices/default/containers/${container}/']
var storageQueueDataMessageSender = 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'

resource data 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: dataAccount
}

resource control 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: controlAccount

  resource queues 'queueServices' = {
    name: 'default'

    resource uploads 'queues' = {
      name: queueName
    }
  }
}

resource topic 'Microsoft.EventGrid/systemTopics@2024-06-01-preview' = {
  name: 'tally-uploads'
  location: location
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    source: data.id
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

resource mayWrite 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(control.id, topic.id, storageQueueDataMessageSender)
  scope: control
  properties: {
    principalId: topic.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageQueueDataMessageSender)
  }
}

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2024-06-01-preview' = {
  parent: topic
  name: 'videos'
  dependsOn: [mayWrite]
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      advancedFilters: [
        {
          operatorType: 'StringBeginsWith'
          key: 'subject'
          values: prefixes
        }
      ]
    }
    deliveryWithResourceIdentity: {
      identity: {
        type: 'SystemAssigned'
      }
      destination: {
        endpointType: 'StorageQueue'
        properties: {
          resourceId: control.id
          queueName: control::queues::uploads.name
          queueMessageTimeToLiveInSeconds: 604800
        }
      }
    }
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
  }
}
